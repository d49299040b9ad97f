"""Tasks whose outcome nobody asks for any more."""

import asyncio
from typing import Any


async def abandon(*tasks: asyncio.Future[Any]) -> None:
    """Cancel them and wait until they have ended.

    What they fail with is let go, where asyncio would write it down, and names with it.
    """
    for each in tasks:
        each.cancel()
        each.add_done_callback(_let_go)
    await asyncio.wait(tasks)


def _let_go(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()
