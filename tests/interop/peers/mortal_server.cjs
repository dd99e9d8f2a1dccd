// A server on `ws` for Node that is made to be killed: it greets, echoes, and listens on a fixed port.

"use strict";

const { WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]) });
server.on("connection", (ws) => {
  ws.on("error", () => {});
  ws.on("message", (data) => ws.send(data.toString()));
  ws.send(`greetings from ${process.pid}`);
});
server.on("listening", () => process.stdout.write("listening\n"));
