import asyncio
import gc
import logging

from contravox.service.tasks import abandon


async def fail():
    raise ValueError("Secret Name")


async def fail_when_cancelled():
    try:
        await asyncio.sleep(60)
    finally:
        raise ValueError("Secret Name")


def test_what_is_abandoned_has_ended_and_nothing_is_written_down(caplog):
    async def main():
        tasks = [asyncio.ensure_future(each) for each in (fail(), fail_when_cancelled())]
        tasks.append(asyncio.ensure_future(asyncio.sleep(60)))
        await asyncio.sleep(0)
        await abandon(*tasks)
        assert all(each.done() for each in tasks)

    with caplog.at_level(logging.DEBUG):
        asyncio.run(main())
        gc.collect()
    assert "Secret" not in caplog.text
