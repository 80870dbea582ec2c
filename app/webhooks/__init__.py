"""Webhooks: other systems are told what happens here, and can prove that it was the hub who told them.

What happened is written down as an event in the transaction in which it happened, with one delivery for each subscription that
wants it (`outbox`); `courier` sends deliveries afterwards, again and again until they are taken. docs/decisions/0013 says why so.
"""
