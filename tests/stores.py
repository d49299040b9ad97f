"""Stores of objects that fail or stop answering, as fsspec's file systems."""

import threading
from typing import ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class TroubledStore(MemoryFileSystem):
    """A store in memory under ``troubled://`` with troubles to come.

    troubles: what the next requests meet, one each: an exception, which is raised, or ``HANG``,
    after which the request waits until the test ends. requests: what was asked for, in order.
    """

    protocol = "troubled"
    store: ClassVar[dict] = {}
    pseudo_dirs: ClassVar[list] = [""]
    HANG = "hang"
    troubles: ClassVar[list] = []
    requests: ClassVar[list] = []
    ended: ClassVar[threading.Event] = threading.Event()

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("troubled://", "memory://"))

    @classmethod
    def begin(cls, *troubles):
        """Empty the store, and let these troubles come."""
        fsspec.register_implementation("troubled", cls, clobber=True)
        cls.store.clear()
        cls.requests.clear()
        cls.troubles[:] = troubles
        cls.ended.clear()

    @classmethod
    def end(cls):
        """Let every request that still waits go."""
        cls.ended.set()

    def cat_file(self, path, start=None, end=None, **kwargs):
        self._meet_trouble(("read", start, end))
        return super().cat_file(path, start, end, **kwargs)

    def put_file(self, lpath, rpath, **kwargs):
        self._meet_trouble(("write", rpath))
        super().put_file(lpath, rpath, **kwargs)

    def _meet_trouble(self, request):
        self.requests.append(request)
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble == self.HANG:
            self.ended.wait()
        elif trouble is not None:
            raise trouble
