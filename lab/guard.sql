-- guard.db: the standings that Postfix and Dovecot enforce by themselves, with the daemon or without.
-- The daemon writes it; every row is an account, a domain or the server that is not normal.
CREATE TABLE IF NOT EXISTS standing(
  kind TEXT NOT NULL,                    -- account | domain | server
  id TEXT NOT NULL,                      -- lower case; any word for the server
  no_send INTEGER NOT NULL DEFAULT 0,
  no_login INTEGER NOT NULL DEFAULT 0,
  no_receive INTEGER NOT NULL DEFAULT 0,
  reply TEXT NOT NULL DEFAULT '',        -- what a sender is answered, e.g. 525 5.7.13 …
  reason TEXT NOT NULL DEFAULT '',       -- what a person who signs in over IMAP or POP3 reads
  epoch INTEGER NOT NULL DEFAULT 0,
  updated TEXT NOT NULL DEFAULT '',
  PRIMARY KEY(kind, id));
-- Mailboxes that another panel has set inactive: mail to them waits (450) where waits = 1, instead of
-- bouncing. Filled with the directory; empty where recovery.inactive_waits is off.
CREATE TABLE IF NOT EXISTS inactive(
  address TEXT NOT NULL PRIMARY KEY,
  waits INTEGER NOT NULL DEFAULT 1);
-- One row; 1 = nothing is enforced (the panic handle).
CREATE TABLE IF NOT EXISTS bypass(on_off INTEGER NOT NULL);
INSERT INTO bypass(on_off) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM bypass);
