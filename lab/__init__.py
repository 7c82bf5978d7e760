"""A real Postfix and Dovecot on 127.0.0.1 with Sekimori beside them, for trying and for tests."""
