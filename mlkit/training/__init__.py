"""Training: the loop, and its pieces for loops of your own."""

from mlkit.training._checkpointer import Checkpointer as Checkpointer
from mlkit.training._cluster import auto_strategy as auto_strategy
from mlkit.training._fit import fit as fit
from mlkit.training._history import History as History
from mlkit.training._load_weights import load_weights as load_weights
from mlkit.training._multi_optimizer import MultiOptimizer as MultiOptimizer
from mlkit.training._patch import patch as patch
from mlkit.training._patch import unpatch as unpatch
from mlkit.training._reproducible import reproducible as reproducible
from mlkit.training._sam import SAM as SAM
from mlkit.training._steps import steps as steps
from mlkit.training._trainer import Trainer as Trainer
from mlkit.training._update import apply_gradients as apply_gradients
from mlkit.training._update import value_and_grad as value_and_grad
