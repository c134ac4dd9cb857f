"""State on disk: checkpoints that are whole or not there, and are checked before they are used."""
