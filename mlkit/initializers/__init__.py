"""Initializers: everything in `keras.initializers`, and ours."""

from keras.initializers import *
from mlkit.initializers._bilinear_upsample import BilinearUpsample as BilinearUpsample
from mlkit.initializers._delta_orthogonal import DeltaOrthogonal as DeltaOrthogonal
from mlkit.initializers._dirac import Dirac as Dirac
from mlkit.initializers._icnr import ICNR as ICNR
from mlkit.initializers._prior_bias import PriorBias as PriorBias
from mlkit.initializers._scaled_residual import ScaledResidual as ScaledResidual
from mlkit.initializers._siren import Siren as Siren
from mlkit.initializers._sparse import Sparse as Sparse
