"""Bytes between the SDK's client and the endpoint: resolve, dial, relay, and read the phases off TLS records."""
