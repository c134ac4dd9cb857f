"""Augmentations of batches: the same seed, the same pictures.

Each function here returns an `Augmentation`, to be called as `augmentation(batch, key)` with a
random key for each example (`mk.data.keys`), or handed to `mk.data.pipeline(..., augment=[...])`.
A batch is a tensor of images, a tuple (images, labels, …), or a dict with "image" and, if present,
"label", "mask" (batch, height, width[, channels]) and "boxes" (batch, n, 4): left, top, right,
bottom in pixels, rows of -1 for none. All of them are changed together. In a tuple, a second
component with the height and width of the images is a mask.
"""

from mlkit.data.augment._affine import affine as affine
from mlkit.data.augment._base import Augmentation as Augmentation
from mlkit.data.augment._color import color as color
from mlkit.data.augment._crop import crop as crop
from mlkit.data.augment._crop import flip as flip
from mlkit.data.augment._cutout import cutout as cutout
from mlkit.data.augment._mixup import cutmix as cutmix
from mlkit.data.augment._mixup import mixup as mixup
from mlkit.data.augment._rand_augment import rand_augment as rand_augment
from mlkit.data.augment._spans import frequency_mask as frequency_mask
from mlkit.data.augment._spans import time_mask as time_mask
