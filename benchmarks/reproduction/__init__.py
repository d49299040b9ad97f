"""The papers' claims on real speech: what is compared, how it is run, and the page of results.

``claims.yaml`` says which variants of which sweeps tell a claim. ``speech`` decodes and pools the
corpora, ``folds`` parts their speakers, ``runs`` trains and scores, ``measurement`` measures what
is finished, ``verdict`` decides, ``results`` keeps it in a file; ``page`` and ``forest`` show that.
"""
