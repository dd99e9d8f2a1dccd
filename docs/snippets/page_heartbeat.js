const ws = new WebSocket(url);
let heard = Date.now();
ws.onmessage = (event) => {
  heard = Date.now();
  if (event.data !== "pong") show(event.data);
};
const timer = setInterval(() => {
  if (Date.now() - heard > 40_000) ws.close();
  else ws.send("ping");
}, 20_000);
ws.onclose = () => clearInterval(timer);
