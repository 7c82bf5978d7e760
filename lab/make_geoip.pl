#!/usr/bin/perl
# Country and AS number of the lab's own address ranges (documentation ranges, RFC 5737, RFC 3849,
# and the shared range of RFC 6598), in the shape of GeoLite2-Country and GeoLite2-ASN.
#
#   make_geoip.pl DIRECTORY      writes lab-country.mmdb and lab-asn.mmdb there
use strict;
use warnings;
use utf8;
use MaxMind::DB::Writer::Tree;

my ($directory) = @ARGV or die "usage: make_geoip.pl DIRECTORY\n";

# network, country, AS number, its name
my @networks = (
    ['192.0.2.0/24',      'JP', 64500, 'Lab Hikari Consumer'],
    ['100.64.0.0/10',     'JP', 64501, 'Lab Mobile Carrier Japan'],
    ['198.51.100.0/27',   'US', 64502, 'Lab Cable US'],
    ['198.51.100.32/27',  'GB', 64503, 'Lab Broadband UK'],
    ['198.51.100.64/27',  'BR', 64504, 'Lab Telecom Brasil'],
    ['198.51.100.96/27',  'VN', 64505, 'Lab Telecom Vietnam'],
    ['198.51.100.128/27', 'RU', 64506, 'Lab Telecom Russia'],
    ['198.51.100.160/27', 'NG', 64507, 'Lab Telecom Nigeria'],
    ['198.51.100.192/27', 'IN', 64508, 'Lab Telecom India'],
    ['198.51.100.224/27', 'DE', 64509, 'Lab DSL Germany'],
    ['203.0.113.0/25',    'NL', 64510, 'Lab Hosting Amsterdam'],
    ['203.0.113.128/25',  'US', 64511, 'Lab Cloud Virginia'],
    ['2001:db8:1::/48',   'JP', 64500, 'Lab Hikari Consumer'],
    ['2001:db8:2::/48',   'JP', 64501, 'Lab Mobile Carrier Japan'],
    ['2001:db8:3::/48',   'US', 64502, 'Lab Cable US'],
    ['2001:db8:4::/48',   'BR', 64504, 'Lab Telecom Brasil'],
    ['2001:db8:5::/48',   'NL', 64510, 'Lab Hosting Amsterdam'],
);

# code → geoname id, continent, names
my %countries = (
    JP => [1861060, 'AS', 'Japan',          '日本'],
    US => [6252001, 'NA', 'United States',  'アメリカ'],
    GB => [2635167, 'EU', 'United Kingdom', 'イギリス'],
    BR => [3469034, 'SA', 'Brazil',         'ブラジル'],
    VN => [1562822, 'AS', 'Vietnam',        'ベトナム'],
    RU => [2017370, 'EU', 'Russia',         'ロシア'],
    NG => [2328926, 'AF', 'Nigeria',        'ナイジェリア'],
    IN => [1269750, 'AS', 'India',          'インド'],
    DE => [2921044, 'EU', 'Germany',        'ドイツ'],
    NL => [2750405, 'EU', 'Netherlands',    'オランダ'],
);

my %types = (
    code => 'utf8_string', geoname_id => 'uint32', iso_code => 'utf8_string', names => 'map',
    en => 'utf8_string', ja => 'utf8_string', continent => 'map', country => 'map',
    registered_country => 'map', autonomous_system_number => 'uint32',
    autonomous_system_organization => 'utf8_string',
);

sub tree {
    my ($type, $description) = @_;
    return MaxMind::DB::Writer::Tree->new(
        ip_version            => 6,
        record_size           => 24,
        database_type         => $type,
        languages             => ['en', 'ja'],
        description           => {en => $description},
        # These ranges are exactly what the writer calls reserved.
        remove_reserved_networks => 0,
        alias_ipv6_to_ipv4    => 1,
        map_key_type_callback => sub { $types{$_[0]} },
    );
}

sub save {
    my ($tree, $path) = @_;
    open my $file, '>:raw', "$path.new" or die "$path.new: $!\n";
    $tree->write_tree($file);
    close $file or die "$path.new: $!\n";
    rename "$path.new", $path or die "$path: $!\n";
}

my $country = tree('GeoLite2-Country', 'Sekimori lab: countries');
my $asn     = tree('GeoLite2-ASN',     'Sekimori lab: AS numbers');
for my $row (@networks) {
    my ($network, $code, $number, $name) = @$row;
    my ($id, $continent, $en, $ja) = @{$countries{$code}};
    my $record = {geoname_id => $id, iso_code => $code, names => {en => $en, ja => $ja}};
    $country->insert_network($network,
        {continent => {code => $continent}, country => $record, registered_country => $record});
    $asn->insert_network($network,
        {autonomous_system_number => $number, autonomous_system_organization => $name});
}
save($country, "$directory/lab-country.mmdb");
save($asn,     "$directory/lab-asn.mmdb");
