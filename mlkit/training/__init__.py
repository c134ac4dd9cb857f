"""Training: the loop, and its pieces for loops of your own."""

from mlkit.training._checkpointer import Checkpointer as Checkpointer
from mlkit.training._fit import fit as fit
from mlkit.training._history import History as History
from mlkit.training._trainer import Trainer as Trainer
from mlkit.training._update import apply_gradients as apply_gradients
from mlkit.training._update import value_and_grad as value_and_grad
