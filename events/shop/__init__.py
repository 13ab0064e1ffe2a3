"""The shop's pages: products, my orders, the outbox."""
