"""Public corpora, folders, tables, Kaldi's folders: what is on disk to manifests and trials."""
