//! Names of services that may stand for their ports.
//!
//! A table of our own: conditions mean the same on every machine, whatever its `/etc/services`
//! says. The names are those that IANA registers for the ports that rules speak of.

const SERVICES: &[(&str, u16)] = &[
    ("amqp", 5672),
    ("amqps", 5671),
    ("bgp", 179),
    ("bootpc", 68),
    ("bootps", 67),
    ("chargen", 19),
    ("daytime", 13),
    ("discard", 9),
    ("domain", 53),
    ("domain-s", 853),
    ("echo", 7),
    ("epmap", 135),
    ("exec", 512),
    ("finger", 79),
    ("ftp", 21),
    ("ftp-data", 20),
    ("ftps", 990),
    ("git", 9418),
    ("gopher", 70),
    ("http", 80),
    ("http-alt", 8080),
    ("https", 443),
    ("imap", 143),
    ("imap2", 143),
    ("imaps", 993),
    ("ipp", 631),
    ("irc", 6667),
    ("ircd", 6667),
    ("ircs-u", 6697),
    ("isakmp", 500),
    ("iscsi-target", 3260),
    ("kerberos", 88),
    ("ldap", 389),
    ("ldaps", 636),
    ("login", 513),
    ("mdns", 5353),
    ("microsoft-ds", 445),
    ("ms-sql-s", 1433),
    ("ms-wbt-server", 3389),
    ("mysql", 3306),
    ("netbios-dgm", 138),
    ("netbios-ns", 137),
    ("netbios-ssn", 139),
    ("nfs", 2049),
    ("nntp", 119),
    ("ntp", 123),
    ("openvpn", 1194),
    ("pop3", 110),
    ("pop3s", 995),
    ("postgresql", 5432),
    ("radius", 1812),
    ("radius-acct", 1813),
    ("redis", 6379),
    ("rsync", 873),
    ("rtsp", 554),
    ("shell", 514),
    ("sip", 5060),
    ("sip-tls", 5061),
    ("smtp", 25),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("snmptrap", 162),
    ("socks", 1080),
    ("ssh", 22),
    ("submission", 587),
    ("submissions", 465),
    ("sunrpc", 111),
    ("svn", 3690),
    ("syslog", 514),
    ("syslog-tls", 6514),
    ("tacacs", 49),
    ("telnet", 23),
    ("telnets", 992),
    ("tftp", 69),
    ("whois", 43),
    ("x11", 6000),
    ("xmpp-client", 5222),
    ("xmpp-server", 5269),
    ("zabbix-agent", 10050),
    ("zabbix-trapper", 10051),
];

/// The port of a service.
pub(crate) fn port(name: &str) -> Option<u16> {
    let index = SERVICES
        .binary_search_by_key(&name, |&(name, _)| name)
        .ok()?;
    Some(SERVICES[index].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(SERVICES.is_sorted_by(|left, right| left.0 < right.0));
        assert_eq!(
            (port("ssh"), port("https"), port("no")),
            (Some(22), Some(443), None)
        );
    }
}
