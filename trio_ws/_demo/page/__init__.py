"""The page: files without a build step, and the server that gives them to browsers.

site           HTTP and a WebSocket on one port, for this machine's own page only
page.html, page.css
main.js        the WebSocket, buttons, keys, painting
model.js       what was told, and the tree at each step
player.js      which step is shown: live, in slow motion, or the one that was chosen
tree.js, timeline.js, panels.js      one picture each
"""
