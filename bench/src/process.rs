//! Server processes, and the kernel's figures of them.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

/// Child process that is ended when this value is dropped.
pub struct Process(Child);

/// Memory and threads at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Size {
    pub resident_kb: u64,
    /// Highest resident memory since the start, VmHWM (KiB).
    pub peak_kb: u64,
    pub threads: u64,
}

impl Process {
    /// Process of a command, started; its output goes nowhere.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().map(Self)
    }

    /// Processor time of this process and its children so far, ended threads included (to 10 ms).
    pub fn cpu(&self) -> Duration {
        let own = self.0.id();
        let all = processes().filter(|stat| stat.id == own || stat.parent == own);
        let ticks: u64 = all.map(|stat| stat.ticks).sum();
        Duration::from_nanos(ticks * 1_000_000_000 / clock_ticks_per_second())
    }

    pub fn size(&self) -> Size {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok())
                .unwrap_or(0)
        };
        Size {
            resident_kb: field("VmRSS:"),
            peak_kb: field("VmHWM:"),
            threads: field("Threads:"),
        }
    }

    pub fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Process is ended with SIGTERM, and its end awaited.
    pub fn stop(mut self, patience: Duration) -> io::Result<()> {
        self.terminate()?;
        let deadline = Instant::now() + patience;
        while !self.has_ended() {
            if Instant::now() > deadline {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "a server does not stop",
                ));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn terminate(&self) -> io::Result<()> {
        let id = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let id = id.ok_or_else(|| io::Error::other("no process id"))?;
        Ok(kill_process(id, Signal::TERM)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Of nginx the master has to end its worker; only what does not listen is killed.
        if !self.has_ended() && self.terminate().is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
        if !self.has_ended() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

struct Stat {
    id: u32,
    parent: u32,
    /// Processor time in user and kernel mode (clock ticks).
    ticks: u64,
}

fn processes() -> impl Iterator<Item = Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The command's name, in parentheses, may hold anything; the third field follows it (proc(5)).
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Stat {
            id,
            parent: u32::try_from(number(4)?).ok()?,
            ticks: number(14)? + number(15)?,
        })
    })
}

/// A port that was free a moment ago.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// Limit of descriptors of this process and its children, raised as far as the system lets it (at most 65,536).
pub fn raise_descriptor_limit() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map(|most| most.min(65_536)).or(Some(65_536));
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: most,
            maximum: limit.maximum,
        },
    )?;
    Ok(())
}
