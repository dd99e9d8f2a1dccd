"""Programs that speak WebSocket with other people's libraries; `line` says how they are led."""
