"""Rehearsal: the real agent program at work, with a script in place of the model behind it."""
