"""The watcher: what is drawn comes from Trio, and from nothing else.

watcher    the instrument: when to draw
walk       the tree as values
scopes     which blocks a task is in; here Trio's public interface ends
incident, story, sentences      what happened, in words
ring       what is kept for pages, and for stepping back
"""
