"""Image operations: everything in `keras.ops.image`, and ours."""

from keras.ops.image import *

from mlkit.ops.image._warp import dense_image_warp as dense_image_warp
from mlkit.ops.image._filter2d import gaussian_filter2d as gaussian_filter2d
from mlkit.ops.image._resample import interpolate_bilinear as interpolate_bilinear
from mlkit.ops.image._spline import interpolate_spline as interpolate_spline
from mlkit.ops.image._filter2d import mean_filter2d as mean_filter2d
from mlkit.ops.image._filter2d import median_filter2d as median_filter2d
from mlkit.ops.image._resample import resampler as resampler
from mlkit.ops.image._transform import rotate as rotate
from mlkit.ops.image._transform import shear_x as shear_x
from mlkit.ops.image._transform import shear_y as shear_y
from mlkit.ops.image._warp import sparse_image_warp as sparse_image_warp
from mlkit.ops.image._transform import transform as transform
from mlkit.ops.image._transform import translate as translate
