"""The gateway on real Postgres and Valkey, over real sockets."""
