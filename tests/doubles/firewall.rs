//! A pfSense's files in a folder: its config.xml as pfSense 2.8 writes it, and what pfSense wrote for Kea from it. Nothing
//! of pfSense runs here, so a change waits in config.xml, as it does on a firewall without PHP.

use std::io;
use std::path::Path;

const CONFIG: &str = include_str!("../../fixtures/pfsense/2.8/config.xml");
const KEA: &str = include_str!("../../fixtures/pfsense/2.8/kea-dhcp4.conf");

/// Fills the folder; its networks are the site's, and kea-dhcp4 listens on `dhcp4`. Gives the section of pfddns.toml that
/// says where everything lies: nothing of the machine the lab runs on.
pub fn fill(folder: &Path, dhcp4: &Path) -> io::Result<String> {
    let of_site = |text: &str| text.replace("10.0.10.", "10.77.10.").replace("10.0.20.", "10.77.20.");
    for made in ["conf/backup", "run", "rc.d"] {
        std::fs::create_dir_all(folder.join(made))?;
    }
    std::fs::write(folder.join("conf/config.xml"), of_site(CONFIG))?;
    let kea = of_site(KEA).replace("/var/run/kea4-ctrl-socket", &dhcp4.display().to_string());
    std::fs::write(folder.join("kea-dhcp4.conf"), kea)?;
    let at = folder.display();
    Ok(format!(
        "\n[pfsense]\nconfig = \"{at}/conf/config.xml\"\nlock = \"{at}/config.lock\"\ncache = \"{at}/config.cache\"\n\
         restore-points = \"{at}/conf/backup\"\nphp = \"{at}/php\"\nd2-script = \"{at}/rc.d/pfddns_d2.sh\"\nkea-run = \"{at}/run\"\n\
         kea-dhcp4-config = \"{at}/kea-dhcp4.conf\"\nkea-dhcp4-program = \"{at}/kea-dhcp4\"\ndhcp-lock = \"{at}/dhcpd.lock\"\n"
    ))
}
