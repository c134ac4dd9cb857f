"""Losses: everything in `keras.losses`, and ours."""

from keras.losses import *

from mlkit.losses._adaptive_wing_loss import adaptive_wing_loss as adaptive_wing_loss
from mlkit.losses._adaptive_wing_loss import AdaptiveWingLoss as AdaptiveWingLoss
from mlkit.losses._arc_face_loss import arc_face_loss as arc_face_loss
from mlkit.losses._arc_face_loss import ArcFaceLoss as ArcFaceLoss
from mlkit.losses._asymmetric_loss import asymmetric_loss as asymmetric_loss
from mlkit.losses._asymmetric_loss import AsymmetricLoss as AsymmetricLoss
from mlkit.losses._barlow_twins_loss import barlow_twins_loss as barlow_twins_loss
from mlkit.losses._barlow_twins_loss import BarlowTwinsLoss as BarlowTwinsLoss
from mlkit.losses._bi_tempered_logistic_loss import (
    bi_tempered_logistic_loss as bi_tempered_logistic_loss,
)
from mlkit.losses._bi_tempered_logistic_loss import BiTemperedLogisticLoss as BiTemperedLogisticLoss
from mlkit.losses._byol_loss import byol_loss as byol_loss
from mlkit.losses._byol_loss import BYOLLoss as BYOLLoss
from mlkit.losses._chamfer_loss import chamfer_loss as chamfer_loss
from mlkit.losses._chamfer_loss import ChamferLoss as ChamferLoss
from mlkit.losses._charbonnier_loss import charbonnier_loss as charbonnier_loss
from mlkit.losses._charbonnier_loss import CharbonnierLoss as CharbonnierLoss
from mlkit.losses._chunked_sparse_categorical_crossentropy import (
    chunked_sparse_categorical_crossentropy as chunked_sparse_categorical_crossentropy,
)
from mlkit.losses._chunked_sparse_categorical_crossentropy import (
    ChunkedSparseCategoricalCrossentropy as ChunkedSparseCategoricalCrossentropy,
)
from mlkit.losses._ciou_loss import ciou_loss as ciou_loss
from mlkit.losses._ciou_loss import CIoULoss as CIoULoss
from mlkit.losses._class_balanced_crossentropy import (
    class_balanced_crossentropy as class_balanced_crossentropy,
)
from mlkit.losses._class_balanced_crossentropy import (
    class_balanced_weights as class_balanced_weights,
)
from mlkit.losses._class_balanced_crossentropy import (
    ClassBalancedCrossentropy as ClassBalancedCrossentropy,
)
from mlkit.losses._contrastive_loss import contrastive_loss as contrastive_loss
from mlkit.losses._contrastive_loss import ContrastiveLoss as ContrastiveLoss
from mlkit.losses._coral_loss import coral_loss as coral_loss
from mlkit.losses._coral_loss import CoralLoss as CoralLoss
from mlkit.losses._cos_face_loss import cos_face_loss as cos_face_loss
from mlkit.losses._cos_face_loss import CosFaceLoss as CosFaceLoss
from mlkit.losses._cox_loss import cox_loss as cox_loss
from mlkit.losses._cox_loss import CoxLoss as CoxLoss
from mlkit.losses._crf_loss import CRFLoss as CRFLoss
from mlkit.losses._dice_loss import dice_loss as dice_loss
from mlkit.losses._dice_loss import DiceLoss as DiceLoss
from mlkit.losses._diou_loss import diou_loss as diou_loss
from mlkit.losses._diou_loss import DIoULoss as DIoULoss
from mlkit.losses._earth_movers_distance_loss import (
    earth_movers_distance_loss as earth_movers_distance_loss,
)
from mlkit.losses._earth_movers_distance_loss import (
    EarthMoversDistanceLoss as EarthMoversDistanceLoss,
)
from mlkit.losses._edge_loss import edge_loss as edge_loss
from mlkit.losses._edge_loss import EdgeLoss as EdgeLoss
from mlkit.losses._focal_tversky_loss import focal_tversky_loss as focal_tversky_loss
from mlkit.losses._focal_tversky_loss import FocalTverskyLoss as FocalTverskyLoss
from mlkit.losses._gaussian_nll import gaussian_nll as gaussian_nll
from mlkit.losses._gaussian_nll import GaussianNLL as GaussianNLL
from mlkit.losses._giou_loss import giou_loss as giou_loss
from mlkit.losses._giou_loss import GIoULoss as GIoULoss
from mlkit.losses._info_nce_loss import info_nce_loss as info_nce_loss
from mlkit.losses._info_nce_loss import InfoNCELoss as InfoNCELoss
from mlkit.losses._iou_loss import iou_loss as iou_loss
from mlkit.losses._iou_loss import IoULoss as IoULoss
from mlkit.losses._jaccard_loss import jaccard_loss as jaccard_loss
from mlkit.losses._jaccard_loss import JaccardLoss as JaccardLoss
from mlkit.losses._laplace_nll import laplace_nll as laplace_nll
from mlkit.losses._laplace_nll import LaplaceNLL as LaplaceNLL
from mlkit.losses._lifted_struct_loss import lifted_struct_loss as lifted_struct_loss
from mlkit.losses._lifted_struct_loss import LiftedStructLoss as LiftedStructLoss
from mlkit.losses._logit_adjusted_crossentropy import (
    logit_adjusted_crossentropy as logit_adjusted_crossentropy,
)
from mlkit.losses._logit_adjusted_crossentropy import (
    LogitAdjustedCrossentropy as LogitAdjustedCrossentropy,
)
from mlkit.losses._lovasz_hinge_loss import lovasz_hinge_loss as lovasz_hinge_loss
from mlkit.losses._lovasz_softmax_loss import lovasz_softmax_loss as lovasz_softmax_loss
from mlkit.losses._lovasz_hinge_loss import LovaszHingeLoss as LovaszHingeLoss
from mlkit.losses._lovasz_softmax_loss import LovaszSoftmaxLoss as LovaszSoftmaxLoss
from mlkit.losses._multi_scale_ssim_loss import multi_scale_ssim_loss as multi_scale_ssim_loss
from mlkit.losses._multi_similarity_loss import multi_similarity_loss as multi_similarity_loss
from mlkit.losses._multi_scale_ssim_loss import MultiScaleSSIMLoss as MultiScaleSSIMLoss
from mlkit.losses._multi_similarity_loss import MultiSimilarityLoss as MultiSimilarityLoss
from mlkit.losses._npairs_loss import npairs_loss as npairs_loss
from mlkit.losses._npairs_multilabel_loss import npairs_multilabel_loss as npairs_multilabel_loss
from mlkit.losses._npairs_loss import NpairsLoss as NpairsLoss
from mlkit.losses._npairs_multilabel_loss import NpairsMultilabelLoss as NpairsMultilabelLoss
from mlkit.losses._nt_xent_loss import nt_xent_loss as nt_xent_loss
from mlkit.losses._nt_xent_loss import NTXentLoss as NTXentLoss
from mlkit.losses._pinball_loss import pinball_loss as pinball_loss
from mlkit.losses._pinball_loss import PinballLoss as PinballLoss
from mlkit.losses._poly_loss import poly_loss as poly_loss
from mlkit.losses._poly_loss import PolyLoss as PolyLoss
from mlkit.losses._quantile_huber_loss import quantile_huber_loss as quantile_huber_loss
from mlkit.losses._quantile_huber_loss import QuantileHuberLoss as QuantileHuberLoss
from mlkit.losses._sequence_loss import sequence_loss as sequence_loss
from mlkit.losses._sequence_loss import SequenceLoss as SequenceLoss
from mlkit.losses._sigmoid_focal_cross_entropy import (
    sigmoid_focal_crossentropy as sigmoid_focal_crossentropy,
)
from mlkit.losses._sigmoid_focal_cross_entropy import (
    SigmoidFocalCrossEntropy as SigmoidFocalCrossEntropy,
)
from mlkit.losses._sim_siam_loss import sim_siam_loss as sim_siam_loss
from mlkit.losses._sim_siam_loss import SimSiamLoss as SimSiamLoss
from mlkit.losses._sparse_categorical_focal import (
    sparse_categorical_focal as sparse_categorical_focal,
)
from mlkit.losses._sparse_categorical_focal import SparseCategoricalFocal as SparseCategoricalFocal
from mlkit.losses._sparsemax_loss import sparsemax_loss as sparsemax_loss
from mlkit.losses._sparsemax_loss import SparsemaxLoss as SparsemaxLoss
from mlkit.losses._sphere_face_loss import sphere_face_loss as sphere_face_loss
from mlkit.losses._sphere_face_loss import SphereFaceLoss as SphereFaceLoss
from mlkit.losses._ssim_loss import ssim_loss as ssim_loss
from mlkit.losses._ssim_loss import SSIMLoss as SSIMLoss
from mlkit.losses._student_t_nll import student_t_nll as student_t_nll
from mlkit.losses._student_t_nll import StudentTNLL as StudentTNLL
from mlkit.losses._sup_con_loss import sup_con_loss as sup_con_loss
from mlkit.losses._sup_con_loss import SupConLoss as SupConLoss
from mlkit.losses._total_variation_loss import total_variation_loss as total_variation_loss
from mlkit.losses._total_variation_loss import TotalVariationLoss as TotalVariationLoss
from mlkit.losses._triplet_hard_loss import triplet_hard_loss as triplet_hard_loss
from mlkit.losses._triplet_semi_hard_loss import triplet_semihard_loss as triplet_semihard_loss
from mlkit.losses._triplet_hard_loss import TripletHardLoss as TripletHardLoss
from mlkit.losses._triplet_semi_hard_loss import TripletSemiHardLoss as TripletSemiHardLoss
from mlkit.losses._tversky_loss import tversky_loss as tversky_loss
from mlkit.losses._tversky_loss import TverskyLoss as TverskyLoss
from mlkit.losses._vicreg_loss import vicreg_loss as vicreg_loss
from mlkit.losses._vicreg_loss import VICRegLoss as VICRegLoss
from mlkit.losses._weighted import Weighted as Weighted
from mlkit.losses._weighted_crossentropy import weighted_crossentropy as weighted_crossentropy
from mlkit.losses._weighted_kappa_loss import weighted_kappa_loss as weighted_kappa_loss
from mlkit.losses._weighted_crossentropy import WeightedCrossentropy as WeightedCrossentropy
from mlkit.losses._weighted_kappa_loss import WeightedKappaLoss as WeightedKappaLoss
from mlkit.losses._wing_loss import wing_loss as wing_loss
from mlkit.losses._wing_loss import WingLoss as WingLoss
