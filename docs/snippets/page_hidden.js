addEventListener("pagehide", () => ws.close());
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
