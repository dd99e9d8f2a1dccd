// A peer on `ws` for Node, led as line.py says.

"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const readline = require("node:readline");
const { WebSocket, WebSocketServer } = require("ws");

let server = null;
let current = null;

function report(saw, facts = {}) {
  process.stdout.write(JSON.stringify({ saw, ...facts }) + "\n");
}

function listenTo(ws) {
  current = ws;
  ws.on("message", (data, isBinary) => {
    const sha256 = crypto.createHash("sha256").update(data).digest("hex");
    report(isBinary ? "binary" : "text", { size: data.length, sha256 });
  });
  ws.on("ping", (data) => report("ping", { data: data.toString() }));
  ws.on("pong", (data) => report("pong", { data: data.toString() }));
  ws.on("close", (code, reason) => report("close", { code, reason: reason.toString() }));
  ws.on("error", (error) => report("failed", { error: String(error) }));
}

function beat(ws, seconds) {
  if (seconds) {
    const timer = setInterval(() => ws.ping(), seconds * 1000);
    ws.on("close", () => clearInterval(timer));
  }
}

const words = {
  listen({ tls, subprotocols, compression, headers, reject, ping_interval }) {
    server = tls
      ? https.createServer({ cert: fs.readFileSync(tls.chain), key: fs.readFileSync(tls.key) })
      : http.createServer();
    const sockets = new WebSocketServer({
      server,
      maxPayload: 0,
      perMessageDeflate: Boolean(compression),
      handleProtocols: (offered) => (subprotocols || []).find((name) => offered.has(name)) || false,
      verifyClient: (info, answer) =>
        reject ? answer(false, reject.status, reject.body, reject.headers) : answer(true),
    });
    sockets.on("headers", (lines) => {
      for (const [name, value] of Object.entries(headers || {})) lines.push(`${name}: ${value}`);
    });
    sockets.on("connection", (ws, request) => {
      report("open", { target: request.url, headers: request.headers, subprotocol: ws.protocol });
      listenTo(ws);
      beat(ws, ping_interval);
    });
    server.listen(0, "127.0.0.1", () => report("listening", { port: server.address().port }));
  },

  connect({ url, tls, subprotocols, compression, headers, ping_interval }) {
    const ws = new WebSocket(url, subprotocols || [], {
      ca: tls ? fs.readFileSync(tls.authority) : undefined,
      perMessageDeflate: Boolean(compression),
      headers,
      maxPayload: 0,
    });
    let answered = {};
    ws.on("upgrade", (response) => (answered = response.headers));
    ws.on("open", () => {
      report("open", { headers: answered, subprotocol: ws.protocol });
      listenTo(ws);
      beat(ws, ping_interval);
    });
    ws.on("unexpected-response", (request, response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => {
        const body = Buffer.concat(parts).toString();
        report("rejected", { status: response.statusCode, headers: response.headers, body });
      });
    });
    ws.on("error", (error) => current === ws || report("failed", { error: String(error) }));
  },

  text: ({ data }) => current.send(data),
  binary: ({ data }) => current.send(Buffer.from(data, "base64")),
  fragments: ({ parts }) =>
    parts.forEach((part, i) => current.send(part, { fin: i === parts.length - 1 })),
  ping: ({ data }) => current.ping(data),
  close: ({ code, reason }) => (code === null ? current.close() : current.close(code, reason)),
  abort: () => current.terminate(),

  reset({ tag }) {
    if (current) current.removeAllListeners().on("error", () => {}).terminate();
    if (server) {
      server.close();
      server.closeAllConnections();
    }
    current = server = null;
    report("reset", { tag });
  },
};

const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const { do: word, ...details } = JSON.parse(line);
  try {
    words[word](details);
  } catch (error) {
    report("error", { error: `${word}: ${error}` });
  }
});
lines.on("close", () => process.exit(0));
