"""What happened, and what follows from it: from the records of a history to the facts that rules are judged by.

    history  →  index  →  facts  →  rule  →  verdict

`history` has the records, `index` sorts them by request, run and sender, and judges nothing. The facts are what many
rules ask for: what a sender could know (`knowledge`), what kept it from delivering (`outages`), which events are lost
by its own doing (`losses`), which it may drop (`poison`), and which arrived altered (`alterations`).
"""
