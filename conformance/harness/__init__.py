"""How scenarios are performed: on a stage with a sender and a backend, in virtual time, over TCP, or behind a proxy."""
