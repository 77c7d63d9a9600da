"""A long way to an upstream: a TCP proxy that delivers each byte half a round trip later. delay.py PORT TARGET MILLISECONDS

A connection is there after one round trip, as with a real one. A process of its own; needs no privilege and no netem."""

import asyncio
import sys

PIECE, QUEUE = 65536, 512  # what is on its way: 32 MiB, more than any rate that is asked of it


async def carry(reader, writer, begun, delay):
    loop, queue = asyncio.get_running_loop(), asyncio.Queue(QUEUE)

    async def deliver():
        while True:
            due, data = await queue.get()
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            if not data:
                break
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    task = asyncio.create_task(deliver())
    try:
        while not task.done():
            data = await reader.read(PIECE)
            await queue.put((max(loop.time(), begun) + delay, data))
            if not data:
                break
        await task
    except OSError:
        task.cancel()


async def main(port, target, milliseconds):
    delay = milliseconds / 2000

    async def connection(reader, writer):
        begun = asyncio.get_running_loop().time() + 2 * delay
        try:
            there, back = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, back, begun, delay), carry(there, writer, 0, delay), return_exceptions=True)
        for end in (writer, back):
            end.close()

    server = await asyncio.start_server(connection, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
