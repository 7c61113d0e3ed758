"""What people import in production: the event sender (`reference.sender`) and the event log (`reference.event_log`)."""
