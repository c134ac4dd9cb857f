"""What every package of mlkit stands on: registry, argument checks, optional imports, types.

Imports nothing of mlkit, and only keras, tensorflow and numpy beside the standard library.
"""
