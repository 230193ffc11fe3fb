"""Tables of names and identities, read by :mod:`pqnlp.registry`."""
