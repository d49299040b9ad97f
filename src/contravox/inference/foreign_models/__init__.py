"""What other toolkits trained, as models of ours: a file for each of their architectures.

Each gives ``TELLTALES``, names that its weights have and no others', and ``read``, which tells
settings from shapes and gives each weight our name.
"""
