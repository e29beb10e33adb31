//! The memory and the tasks that the control groups of the process leave it.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The place where version 2 of control groups is mounted; of version 1 it holds a mount for each controller
/// (cgroups(7)).
const MOUNT: &str = "/sys/fs/cgroup";

/// Larger numbers mean no limit: version 1 says so with the largest multiple of a page (bytes).
const NO_LIMIT: u64 = 1 << 60;

/// The smallest limit of memory on the process, of its own group and those above it (bytes); `None` without any.
pub(super) fn memory_limit() -> Option<usize> {
    smallest_of(
        "memory",
        "memory.max",
        "memory.limit_in_bytes",
        &|folder, file| limit_in(&folder.join(file)),
    )
}

/// The smallest number of tasks that a group on the way up can still have; `None` without a limit.
pub(super) fn tasks_left() -> Option<usize> {
    smallest_of("pids", "pids.max", "pids.max", &|folder, file| {
        let limit = limit_in(&folder.join(file))?;
        let taken = limit_in(&folder.join("pids.current")).unwrap_or_default();
        Some(limit.saturating_sub(taken))
    })
}

/// The room that a group leaves, by its folder and the name of its file.
type Left<'l> = &'l dyn Fn(&Path, &str) -> Option<u64>;

fn smallest_of(controller: &str, v2: &str, v1: &str, left: Left<'_>) -> Option<usize> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    smallest_in(&groups, MOUNT, controller, [v2, v1], left)
}

/// The same for groups in the form of `/proc/self/cgroup`; the files are those of version 2 and of version 1.
fn smallest_in(
    groups: &str,
    mount: &str,
    controller: &str,
    [v2, v1]: [&str; 2],
    left: Left<'_>,
) -> Option<usize> {
    let limits = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next()?, parts.next()?);
        if controllers.is_empty() {
            smallest(mount, group, v2, left)
        } else if controllers.split(',').any(|name| name == controller) {
            smallest(&format!("{mount}/{controller}"), group, v1, left)
        } else {
            None
        }
    });
    limits.min().and_then(|limit| usize::try_from(limit).ok())
}

/// The smallest limit from this group up to the root of the mount. A container sees its own group as the root, or by a
/// path that is not there; the root itself is looked at in any case.
fn smallest(mount: &str, group: &str, file: &str, left: Left<'_>) -> Option<u64> {
    let names = Path::new(group)
        .components()
        .filter(|part| matches!(part, Component::Normal(_)));
    let group: PathBuf = Path::new(mount).join(names.collect::<PathBuf>());
    let up = group
        .ancestors()
        .take_while(|folder| folder.starts_with(mount));
    up.filter_map(|folder| left(folder, file)).min()
}

fn limit_in(file: &Path) -> Option<u64> {
    limit(&fs::read_to_string(file).ok()?)
}

/// The limit in a file; `None` for `max` and for numbers that stand for it.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_and_their_absence_too() {
        for (text, expected) in [
            ("33554432\n", Some(33_554_432)),
            ("max\n", None),
            ("9223372036854771712\n", None),
            ("", None),
        ] {
            assert_eq!(limit(text), expected, "{text:?}");
        }
    }

    /// A limit that is not found is none: the body budget would be that of a large machine, and the kernel's the end.
    #[test]
    fn both_versions_are_read_and_a_mixture_of_them() {
        let root = std::env::temp_dir().join(format!("cgroup-versions-{}", std::process::id()));
        for (file, text) in [
            ("a.slice/b.service/memory.max", "67108864\n"),
            ("a.slice/memory.max", "max\n"),
            ("memory/docker/c/memory.limit_in_bytes", "33554432\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ] {
            let file = root.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let limit: Left<'_> = &|folder, file| limit_in(&folder.join(file));
        for (groups, expected) in [
            ("0::/a.slice/b.service\n", Some(67_108_864)),
            ("0::/a.slice\n", None),
            // A container sees its own group as the root.
            ("0::/\n", None),
            (
                "12:memory:/docker/c\n3:cpu,cpuacct:/docker/c\n",
                Some(33_554_432),
            ),
            (
                "4:memory:/docker/c\n0::/a.slice/b.service\n",
                Some(33_554_432),
            ),
            ("4:pids:/docker/c\n", None),
            ("", None),
        ] {
            let files = ["memory.max", "memory.limit_in_bytes"];
            let found = smallest_in(groups, root.to_str().unwrap(), "memory", files, limit);
            assert_eq!(found, expected, "{groups:?}");
        }
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn the_smallest_limit_on_the_way_up_counts() {
        let root = std::env::temp_dir().join(format!("cgroup-test-{}", std::process::id()));
        let group = root.join("a.slice/b.service");
        fs::create_dir_all(&group).unwrap();
        for (folder, text) in [
            (&group, "max"),
            (&root.join("a.slice"), "4096"),
            (&root, "8192"),
        ] {
            fs::write(folder.join("memory.max"), text).unwrap();
        }
        let mount = root.to_str().unwrap();
        let limit: Left<'_> = &|folder, file| limit_in(&folder.join(file));
        assert_eq!(
            smallest(mount, "/a.slice/b.service", "memory.max", limit),
            Some(4096)
        );
        assert_eq!(
            smallest(mount, "/gone/too", "memory.max", limit),
            Some(8192)
        );
        assert_eq!(
            smallest(mount, "/../../etc", "memory.max", limit),
            Some(8192)
        );
        fs::remove_dir_all(&root).unwrap();
    }
}
