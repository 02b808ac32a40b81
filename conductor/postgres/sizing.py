"""Settings of the server, sized to the machine."""

import os

MEGABYTE = 1024 * 1024


def memory_megabytes() -> int:
    """Return the machine's memory; 2 GB where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MEGABYTE
    except (ValueError, OSError):
        return 2048


def installation_settings() -> dict[str, str]:
    """
    Return the settings of a cluster that keeps data: a quarter of the memory, at most 1 GB.

    Checkpoints are far apart and the background writer sleeps long: an idle machine
    stays idle. `lz4` is not built in, so the log is compressed with `pglz` (`on`).
    """
    memory = memory_megabytes()
    return {
        "shared_buffers": f"{max(64, min(memory // 4, 1024))}MB",
        "effective_cache_size": f"{max(128, memory // 2)}MB",
        "maintenance_work_mem": f"{max(64, min(memory // 16, 256))}MB",
        "work_mem": "16MB",
        "max_connections": "100",
        "max_wal_size": "4GB",
        "wal_compression": "on",
        "checkpoint_timeout": "15min",
        "bgwriter_delay": "1000ms",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "logging_collector": "on",
        "log_directory": "'log'",
        "log_filename": "'postgresql-%a.log'",
        "log_rotation_age": "1d",
        "log_truncate_on_rotation": "on",
    }


def temporary_settings() -> dict[str, str]:
    """Return the settings of a cluster that is thrown away: fast, and nothing survives."""
    return {
        "shared_buffers": "128MB",
        "work_mem": "16MB",
        "max_connections": "100",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "1h",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "jit": "off",
        "random_page_cost": "1.1",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
    }
