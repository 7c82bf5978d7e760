<?php

/**
 * Roundcube asks Sekimori before a sign-in and tells it how the sign-in ended, so that webmail is
 * judged as every other door is: by the account, the owner's own address and what was seen before.
 *
 * Written for Roundcube 1.6 (hooks authenticate, login_after, login_failed). If Sekimori does not
 * answer within a second, people get in: webmail never waits for its guard.
 *
 * config.inc.php:
 *   $config['plugins'][] = 'sekimori';
 *   $config['sekimori_url'] = 'http://127.0.0.1:8084/';
 *   $config['sekimori_password_file'] = '/etc/roundcube/sekimori.password';
 *   $config['sekimori_nonce_file'] = '/etc/roundcube/sekimori.nonce';  // Dovecot's auth_policy_hash_nonce
 *   $config['proxy_whitelist'] = ['192.0.2.1'];  // Roundcube's own: proxies whose headers it believes
 */
class sekimori extends rcube_plugin
{
    /** The login page and what runs without a session. */
    public $task = 'login|logout|mail';

    /** Seconds in all that somebody waits at most for the two calls together. */
    public const TIME = 1.0;

    private $asked;

    public function init()
    {
        $this->add_hook('authenticate', [$this, 'authenticate']);
        $this->add_hook('login_after', [$this, 'login_after']);
        $this->add_hook('login_failed', [$this, 'login_failed']);
    }

    /** Before the password is tried. */
    public function authenticate($args)
    {
        $this->asked = null;
        if (empty($args['user']) || !isset($args['pass']) || $args['pass'] === '' || !empty($args['abort'])) {
            return $args;
        }
        $this->asked = $this->facts($args['user'], $args['pass']);
        $answer = $this->call('allow', $this->asked);
        if (is_array($answer) && isset($answer['status']) && $answer['status'] < 0) {
            // Nobody looked at the password: neither right nor wrong, and login_failed says nothing.
            $this->asked = null;
            $args['abort'] = true;
            $args['error'] = $this->words($answer);
        }
        return $args;
    }

    /** The right password. */
    public function login_after($args)
    {
        $this->report(true);
        return $args;
    }

    /** The wrong one; not where the mail server was away or a form was out of date. */
    public function login_failed($args)
    {
        $code = $args['code'] ?? null;
        if ($code === null || $code === -1 || $code === 0 || $code === false || $code === '') {
            $this->report(false);
        }
        return $args;
    }

    /** What is asked and told: the person's own address, never the webmail server's. */
    public function facts($user, $pass)
    {
        $facts = [
            'login' => $user,
            'remote' => rcube_utils::remote_addr(),
            'protocol' => 'http',
            'device_id' => 'Roundcube',
            'pwhash' => $this->pwhash($user, $pass),
        ];
        if (rcube_utils::https_check()) {
            $facts['tls'] = true;
        }
        return $facts;
    }

    /** As Dovecot makes it: 12 bits of SHA-256(nonce, user, 0, password). They tell the same wrong
     *  password from guessing and give nothing away. */
    public function pwhash($user, $pass)
    {
        $nonce = $this->secret('sekimori_nonce_file');
        if ($nonce === '') {
            return '';
        }
        $bits = hexdec(substr(hash('sha256', $nonce . $user . "\0" . $pass), 0, 4)) >> 4;
        return sprintf('%04x', $bits);
    }

    private function report($success)
    {
        if ($this->asked !== null) {
            $this->call('report', $this->asked + ['success' => $success, 'policy_reject' => false]);
            $this->asked = null;
        }
    }

    private function words($answer)
    {
        $words = is_string($answer['msg'] ?? null) ? trim($answer['msg']) : '';
        return $words !== '' ? $words : 'Sign-in is not possible at the moment.';
    }

    private function secret($name)
    {
        $file = (string) rcmail::get_instance()->config->get($name, '');
        return $file === '' ? '' : trim((string) @file_get_contents($file));
    }

    /** One request within what is left of the time; null: no answer, so let in. */
    private function call($command, $body)
    {
        $url = parse_url((string) rcmail::get_instance()->config->get('sekimori_url', ''));
        if (empty($url['host'])) {
            return null;
        }
        $tls = ($url['scheme'] ?? 'http') === 'https';
        $port = $url['port'] ?? ($tls ? 443 : 80);
        $end = microtime(true) + self::TIME / 2;
        $place = ($tls ? 'tls://' : 'tcp://') . $url['host'] . ':' . $port;
        $socket = @stream_socket_client($place, $code, $why, max($end - microtime(true), 0.01));
        if (!$socket) {
            return $this->silent($command, $why);
        }
        $text = json_encode($body, JSON_INVALID_UTF8_SUBSTITUTE);
        $request = 'POST ' . ($url['path'] ?? '/') . "?command=$command HTTP/1.0\r\n"
            . "Host: {$url['host']}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            . 'Authorization: Basic ' . base64_encode('roundcube:' . $this->secret('sekimori_password_file'))
            . "\r\nContent-Length: " . strlen($text) . "\r\n\r\n$text";
        stream_set_timeout($socket, 0, (int) (self::TIME / 2 * 1e6));
        fwrite($socket, $request);
        stream_set_blocking($socket, false);
        $answer = '';
        while (($left = $end - microtime(true)) > 0 && strlen($answer) < 65536) {
            $read = [$socket];
            $write = $except = null;
            if (!@stream_select($read, $write, $except, 0, (int) ($left * 1e6))) {
                break;
            }
            $part = fread($socket, 8192);
            if ($part === false || ($part === '' && feof($socket))) {
                break;
            }
            $answer .= $part;
        }
        fclose($socket);
        $parts = explode("\r\n\r\n", $answer, 2);
        $value = json_decode($parts[1] ?? '', true);
        if (!preg_match('/^HTTP\/1\.[01] 200 /', $answer) || !is_array($value)) {
            return $this->silent($command, strtok($answer, "\r\n") ?: 'no answer in time');
        }
        return $value;
    }

    private function silent($command, $why)
    {
        rcube::write_log('errors', "sekimori: $command: $why; the sign-in goes on without it");
        return null;
    }
}
