//! Kea of three versions side by side. 2.2 is Debian 12's; 2.6 and 3.0 lie in unpacked roots of newer Debians and are run
//! with their own loader and libraries: no chroot, so a path means the same to Kea and to the test.
//! Each `KeaHome` has its own folders for sockets, pid files, locks, leases and logs, told to Kea by the environment of a
//! small wrapper; so the wrapper, not the program, is what a configuration should name (`-t` must see the same rules).

use super::{Daemon, Started, peers, program, write};
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// One build of Kea.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kea {
    /// The series, as `-V` begins: `2.6`. The suites it is taken from move within it.
    pub series: &'static str,
    /// Folder among the peers, if it is not the system's own.
    root: Option<&'static str>,
}

/// A folder to run one build in: as many D2s and DHCP servers as you like, told apart by the names of their files.
pub struct KeaHome {
    /// `kea-dhcp-ddns`, with any arguments.
    pub d2: PathBuf,
    /// `kea-dhcp4`, with any arguments.
    pub dhcp4: PathBuf,
    /// Folder for control sockets; Kea wants it to be 0750 and takes no other.
    pub run: PathBuf,
    /// Where it loads hook libraries from, if that is not the one compiled in.
    pub hooks: Option<PathBuf>,
    folder: TempDir,
}

impl Kea {
    /// The three builds, oldest first.
    pub const ALL: [Self; 3] = [
        Self { series: "2.2", root: None },
        Self { series: "2.6", root: Some("trixie") },
        Self { series: "3.0", root: Some("forky") },
    ];

    /// Makes a folder to run it in. Wrong versions are refused.
    pub fn home(self) -> Started<KeaHome> {
        let root = self.root.map_or_else(|| "/".into(), |name| peers().join(name));
        let d2 = program(root.join("usr/sbin/kea-dhcp-ddns"))?;
        let dhcp4 = program(root.join("usr/sbin/kea-dhcp4"))?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        // Its end is what our own checks know a folder for sockets by, where a Kea does not name its own.
        let run = folder.path().join("run/kea");
        fs::DirBuilder::new().mode(0o750).recursive(true).create(&run).map_err(|error| error.to_string())?;
        fs::set_permissions(&run, fs::Permissions::from_mode(0o750)).map_err(|error| error.to_string())?;
        let home = KeaHome {
            d2: self.wrapper(folder.path(), &root, &d2),
            dhcp4: self.wrapper(folder.path(), &root, &dhcp4),
            run,
            hooks: self.root.map(|_| hooks(&root)),
            folder,
        };
        let printed = Command::new(&home.d2).env_clear().arg("-V").output().map_err(|error| error.to_string())?;
        let printed = String::from_utf8_lossy(&printed.stdout);
        match printed.starts_with(&format!("{}.", self.series)) {
            true => Ok(home),
            false => {
                Err(format!("{}: Kea is {}, not {}", d2.display(), printed.lines().next().unwrap_or("?"), self.series))
            }
        }
    }

    fn wrapper(self, folder: &Path, root: &Path, program: &Path) -> PathBuf {
        let (dir, root_text, program_text) = (folder.display(), root.display(), program.display());
        let libraries = format!("{root_text}/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
        let start = match self.root {
            None => program_text.to_string(),
            Some(_) => format!("{root_text}/lib64/ld-linux-x86-64.so.2 --library-path {libraries} {program_text}"),
        };
        let hooks =
            if self.root.is_some() { format!("KEA_HOOKS_PATH={}", hooks(root).display()) } else { String::new() };
        let text = format!(
            "#!/bin/sh\nexport KEA_CONTROL_SOCKET_DIR={dir}/run/kea KEA_PIDFILE_DIR={dir}/run/kea KEA_LOCKFILE_DIR={dir}/run/kea \\\n\
             KEA_LOG_FILE_DIR={dir} KEA_DHCP_DATA_DIR={dir} {hooks}\nexec {start} \"$@\"\n"
        );
        let path = folder.join(program.file_name().unwrap_or(program.as_os_str()));
        write(&path, &text, 0o755);
        path
    }
}

fn hooks(root: &Path) -> PathBuf {
    root.join(format!("usr/lib/{}-linux-gnu/kea/hooks", std::env::consts::ARCH))
}

impl KeaHome {
    /// Its folder: configurations, leases and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where `start_d2` and `start_dhcp4` want the control socket of this name.
    pub fn socket(&self, name: &str) -> PathBuf {
        self.run.join(format!("{name}.sock"))
    }

    /// Writes `NAME.conf`, whose `socket-name` must be `socket(NAME)`, starts D2 with it and waits until it listens there.
    pub fn start_d2(&self, name: &str, config: &str) -> Started<Daemon> {
        self.start(&self.d2, name, config)
    }

    /// The same for kea-dhcp4.
    pub fn start_dhcp4(&self, name: &str, config: &str) -> Started<Daemon> {
        self.start(&self.dhcp4, name, config)
    }

    fn start(&self, program: &Path, name: &str, config: &str) -> Started<Daemon> {
        let path = self.folder.path().join(format!("{name}.conf"));
        write(&path, config, 0o600);
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").arg("-c").arg(&path).current_dir(self.folder.path());
        let daemon = Daemon::start(&mut command, &self.folder.path().join(format!("{name}.out")))?;
        let socket = self.socket(name);
        Ok(daemon.ready(name, || UnixStream::connect(&socket).is_ok()))
    }
}
