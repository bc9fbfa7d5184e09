"""From HTTP requests to calls, and the handlers of each kind of call."""
