"""One open connection.

    websocket        `WebSocket`, the object that applications hold
    block            the ``async with`` around it, and the one exception that leaves it
    connection       start, close, end
    reader, writer   the task that reads, and the task that writes what could not leave at once

To follow a message in: `reader`, `receive_queue`, `WebSocket.receive`.
To follow a message out: `WebSocket.send`, the protocol's send queue, `writer`.
"""
