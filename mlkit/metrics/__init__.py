"""Metrics: everything in `keras.metrics`, and ours."""

from keras.metrics import *

from mlkit.metrics._adaptive_calibration_error import (
    AdaptiveCalibrationError as AdaptiveCalibrationError,
)
from mlkit.metrics._balanced_accuracy import BalancedAccuracy as BalancedAccuracy
from mlkit.metrics._brier_score import BrierScore as BrierScore
from mlkit.metrics._classwise_calibration_error import (
    ClasswiseCalibrationError as ClasswiseCalibrationError,
)
from mlkit.metrics._cohen_kappa import CohenKappa as CohenKappa
from mlkit.metrics._concordance_corr_coef import ConcordanceCorrCoef as ConcordanceCorrCoef
from mlkit.metrics._confusion_matrix import ConfusionMatrix as ConfusionMatrix
from mlkit.metrics._dice_score import DiceScore as DiceScore
from mlkit.metrics._equal_error_rate import EqualErrorRate as EqualErrorRate
from mlkit.metrics._exact_match import ExactMatch as ExactMatch
from mlkit.metrics._expected_calibration_error import (
    ExpectedCalibrationError as ExpectedCalibrationError,
)
from mlkit.metrics._f_score import FScore as FScore
from mlkit.metrics._geometric_mean import GeometricMean as GeometricMean
from mlkit.metrics._geometric_mean_score import GeometricMeanScore as GeometricMeanScore
from mlkit.metrics._hamming_loss import HammingLoss as HammingLoss
from mlkit.metrics._harmonic_mean import HarmonicMean as HarmonicMean
from mlkit.metrics._interval_coverage import IntervalCoverage as IntervalCoverage
from mlkit.metrics._interval_width import IntervalWidth as IntervalWidth
from mlkit.metrics._jaccard_index import JaccardIndex as JaccardIndex
from mlkit.metrics._kendall_tau import KendallTau as KendallTau
from mlkit.metrics._matthews_correlation_coefficient import (
    MatthewsCorrelationCoefficient as MatthewsCorrelationCoefficient,
)
from mlkit.metrics._matthews_correlation_coefficient import (
    matthews_correlation_coefficient as matthews_correlation_coefficient,
)
from mlkit.metrics._mean_absolute_scaled_error import (
    MeanAbsoluteScaledError as MeanAbsoluteScaledError,
)
from mlkit.metrics._mean_absolute_scaled_error import naive_scale as naive_scale
from mlkit.metrics._mean_average_precision import MeanAveragePrecision as MeanAveragePrecision
from mlkit.metrics._mean_cosine_similarity import MeanCosineSimilarity as MeanCosineSimilarity
from mlkit.metrics._multi_label_confusion_matrix import (
    MultiLabelConfusionMatrix as MultiLabelConfusionMatrix,
)
from mlkit.metrics._peak_signal_noise_ratio import PeakSignalNoiseRatio as PeakSignalNoiseRatio
from mlkit.metrics._pearson_corr_coef import PearsonCorrCoef as PearsonCorrCoef
from mlkit.metrics._precision_score import PrecisionScore as PrecisionScore
from mlkit.metrics._quantile_coverage import QuantileCoverage as QuantileCoverage
from mlkit.metrics._r_square import RSquare as RSquare
from mlkit.metrics._recall_score import RecallScore as RecallScore
from mlkit.metrics._report import report as report
from mlkit.metrics._retrieval_hit_rate import RetrievalHitRate as RetrievalHitRate
from mlkit.metrics._retrieval_map_at_r import RetrievalMAPAtR as RetrievalMAPAtR
from mlkit.metrics._retrieval_mrr import RetrievalMRR as RetrievalMRR
from mlkit.metrics._retrieval_ndcg import RetrievalNDCG as RetrievalNDCG
from mlkit.metrics._retrieval_recall import RetrievalRecall as RetrievalRecall
from mlkit.metrics._spearman_corr_coef import SpearmanCorrCoef as SpearmanCorrCoef
from mlkit.metrics._specificity_score import SpecificityScore as SpecificityScore
from mlkit.metrics._structural_similarity import StructuralSimilarity as StructuralSimilarity
from mlkit.metrics._symmetric_mean_absolute_percentage_error import (
    SymmetricMeanAbsolutePercentageError as SymmetricMeanAbsolutePercentageError,
)
from mlkit.metrics._tpr_at_fpr import TPRAtFPR as TPRAtFPR
