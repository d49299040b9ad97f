"""Enrolled speakers: kept in a database, claims verified and unknown voices identified.

Nothing here guards against a recording that is played back, or a voice that is made.
"""
