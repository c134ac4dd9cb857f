"""Gradients: transforms `(gradients, variables) -> gradients`, for any loop.

A factory is called with its settings and returns the transform. The same list works as
`mk.Trainer(gradients=[...])`, in `mk.training.patch`, in `mk.training.apply_gradients` and by hand.
"""

from mlkit.gradients._adaptive_clip import adaptive_clip as adaptive_clip
from mlkit.gradients._add_noise import add_noise as add_noise
from mlkit.gradients._centralize import centralize as centralize
from mlkit.gradients._chain import chain as chain
from mlkit.gradients._clip_by_global_norm import clip_by_global_norm as clip_by_global_norm
from mlkit.gradients._clip_by_norm import clip_by_norm as clip_by_norm
from mlkit.gradients._clip_by_value import clip_by_value as clip_by_value
from mlkit.gradients._mask import mask as mask
from mlkit.gradients._normalize import normalize as normalize
from mlkit.gradients._project_conflicting import project_conflicting as project_conflicting
from mlkit.gradients._scale import scale as scale
from mlkit.gradients._skip_nonfinite import skip_nonfinite as skip_nonfinite
from mlkit.gradients._transform import Transform as Transform
