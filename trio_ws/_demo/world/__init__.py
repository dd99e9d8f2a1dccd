"""The world that is watched: a server, a client, a network.

world      all of it, and its buttons
client     a program under a supervisor
server     prices, and a handler for each connection
wire       what is overheard on the way
settings, buttons, errors      values and words
"""
