"""The demo: see what a nursery, a cancel scope and a supervisor do while you cut the cable.

A program made of the library's public names, in three rooms::

    world      a server, a supervised client, and a network that obeys buttons
    watcher    an instrument of Trio that draws the task tree, keeps it, and tells the story
    page       what a browser shows of it, and the server that gives it to browsers

The world tells what happens, and depends on nothing here.  The watcher sees the world.
The page shows what the watcher keeps, and presses the world's buttons::

    world ──tell──▶ watcher ──ring──▶ page ──▶ browsers
      ▲─────────────press────────────────┘

``live`` puts the three together; ``plain`` does without the page, in virtual time.
Begin with ``world/server.py`` and ``world/client.py``: they are what users write.
"""
