<?php

/**
 * Runs the plugin's functions as Roundcube would, against a Sekimori that is there:
 *   php try.php URL PASSWORD-FILE NONCE-FILE ADDRESS USER PASSWORD success|failed|storage
 * and prints what came of it as JSON. For tests, and for trying a set-up by hand.
 */

class rcube_utils
{
    public static $address = '';

    public static function remote_addr()
    {
        return self::$address;
    }

    public static function https_check()
    {
        return true;
    }
}

class rcube
{
    public static $log = [];

    public static function write_log($name, $line)
    {
        self::$log[] = "$name: $line";
    }
}

class rcmail
{
    public $config;

    public static function get_instance()
    {
        static $one = null;
        return $one ??= new rcmail();
    }
}

class rcube_config
{
    public $values = [];

    public function get($name, $default = null)
    {
        return $this->values[$name] ?? $default;
    }
}

abstract class rcube_plugin
{
    public $hooks = [];

    public function add_hook($name, $function)
    {
        $this->hooks[$name] = $function;
    }
}

require __DIR__ . '/sekimori/sekimori.php';

[, $url, $password_file, $nonce_file, $address, $user, $password, $ends] = $argv;
rcube_utils::$address = $address;
rcmail::get_instance()->config = new rcube_config();
rcmail::get_instance()->config->values = [
    'sekimori_url' => $url,
    'sekimori_password_file' => $password_file,
    'sekimori_nonce_file' => $nonce_file,
];
$plugin = new sekimori();
$plugin->init();
$begun = microtime(true);
$args = ['host' => 'localhost', 'user' => $user, 'pass' => $password, 'valid' => true, 'cookiecheck' => true];
$args = ($plugin->hooks['authenticate'])($args);
if (empty($args['abort']) && $ends === 'success') {
    ($plugin->hooks['login_after'])(['_task' => 'mail']);
} else {
    // Roundcube's own codes: -1 a wrong password, -2 the mail server is away.
    $code = $args['error'] ?? ($ends === 'storage' ? -2 : -1);
    ($plugin->hooks['login_failed'])(['code' => $code, 'host' => 'localhost', 'user' => $user]);
}
echo json_encode(['refused' => !empty($args['abort']), 'error' => $args['error'] ?? null,
    'pwhash' => $plugin->pwhash($user, $password), 'seconds' => microtime(true) - $begun,
    'log' => rcube::$log]), "\n";
