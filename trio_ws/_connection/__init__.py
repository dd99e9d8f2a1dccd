"""One open connection.

    websocket        `WebSocket`, the object that applications hold
    block            the ``async with`` around it, and the one exception that leaves it
    connection       start, close, end
    reader           the task that reads
    bell             wakes it, or a task that waits in `receive` and reads in its place
    writer           gets bytes out, inline or by the task that writes
    heartbeat        when the reader wakes for the heartbeats, and what it does then
    core             what these share; it knows none of them

To follow a message in: `reader`, `receive_queue`, `WebSocket.receive`.
To follow a message out: `WebSocket.send`, the protocol's send queue, `Writer.flush`.
To follow an end: `ConnectionCore.note_ending`, `lifetime`, `ConnectionBlock.__aexit__`.
"""
