using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using Bootc.Linux.Interop;

namespace Bootc.Linux.Tests;

/// <summary>Every constant and struct of the interop layer against what the C compiler finds in the headers.</summary>
public class Numbers_match_the_kernel_headers
{
    private const string Includes = """
        #define _GNU_SOURCE
        #include <stdio.h>
        #include <stddef.h>
        #include <fcntl.h>
        #include <sched.h>
        #include <sys/file.h>
        #include <sys/stat.h>
        #include <sys/statvfs.h>
        #include <sys/prctl.h>
        #include <sys/syscall.h>
        #include <linux/mount.h>
        #include <linux/openat2.h>
        #include <linux/fs.h>
        #include <linux/blkpg.h>
        #include <linux/loop.h>
        #include <linux/fsverity.h>
        #ifndef MNT_DETACH
        #define MNT_DETACH 2
        #endif
        """;

    [Fact]
    public void Constants_have_the_values_of_the_headers()
    {
        Dictionary<string, long> ours = typeof(Constants)
            .GetFields(BindingFlags.NonPublic | BindingFlags.Static)
            .ToDictionary(f => f.Name, f => Convert.ToInt64(f.GetValue(null), CultureInfo.InvariantCulture));

        Dictionary<string, long> theirs = Ask(ours.Keys.Select(name => (name, $"(long long)({name})")));

        ours.Should().NotBeEmpty().And.BeEquivalentTo(theirs);
    }

    /// <summary>
    /// Those whose value is the same everywhere. A program for arm64 that had the others wrong could open no directory; the tests that
    /// run one show those.
    /// </summary>
    [Fact]
    public void Constants_have_the_values_of_the_headers_for_arm64()
    {
        FieldInfo[] constants = [.. typeof(Constants).GetFields(BindingFlags.NonPublic | BindingFlags.Static).Where(f => f.IsLiteral)];

        constants.Should().HaveCountGreaterThan(40);
        AssertOnArm64(constants.Select(f => (f.Name, Convert.ToInt64(f.GetRawConstantValue(), CultureInfo.InvariantCulture))));
    }

    [Fact]
    public void System_call_numbers_are_the_same_on_arm64() =>
        AssertOnArm64(
        [
            ("SYS_open_tree", Libc.SysOpenTree), ("SYS_move_mount", Libc.SysMoveMount), ("SYS_fsopen", Libc.SysFsOpen),
            ("SYS_fsconfig", Libc.SysFsConfig), ("SYS_fsmount", Libc.SysFsMount), ("SYS_openat2", Libc.SysOpenAt2),
            ("SYS_mount_setattr", Libc.SysMountSetAttr), ("SYS_fspick", Libc.SysFsPick),
        ]);

    [Fact]
    public void Structs_have_the_sizes_of_the_headers_for_arm64() =>
        AssertOnArm64(
        [
            ("sizeof(struct statx)", Unsafe.SizeOf<StatX>()), ("sizeof(struct statvfs)", Unsafe.SizeOf<StatVfs>()),
            ("sizeof(struct flock)", Unsafe.SizeOf<FLockRange>()),
            ("sizeof(struct open_how)", Unsafe.SizeOf<OpenHow>()), ("sizeof(struct mount_attr)", Unsafe.SizeOf<MountAttr>()),
            ("sizeof(struct blkpg_ioctl_arg)", Unsafe.SizeOf<BlkpgArgument>()),
            ("sizeof(struct blkpg_partition)", Unsafe.SizeOf<BlkpgPartition>()), ("sizeof(struct loop_config)", Unsafe.SizeOf<LoopConfig>()),
            ("sizeof(struct fsverity_enable_arg)", Unsafe.SizeOf<VerityEnableArgument>()),
        ]);

    [Fact]
    public void System_call_numbers_are_those_of_the_headers() =>
        Ask([("open_tree", "SYS_open_tree"), ("move_mount", "SYS_move_mount"), ("fsopen", "SYS_fsopen"), ("fsconfig", "SYS_fsconfig"),
            ("fsmount", "SYS_fsmount"), ("fspick", "SYS_fspick"), ("openat2", "SYS_openat2"), ("mount_setattr", "SYS_mount_setattr")])
            .Should().BeEquivalentTo(new Dictionary<string, long>
            {
                ["open_tree"] = Libc.SysOpenTree,
                ["move_mount"] = Libc.SysMoveMount,
                ["fsopen"] = Libc.SysFsOpen,
                ["fsconfig"] = Libc.SysFsConfig,
                ["fsmount"] = Libc.SysFsMount,
                ["fspick"] = Libc.SysFsPick,
                ["openat2"] = Libc.SysOpenAt2,
                ["mount_setattr"] = Libc.SysMountSetAttr,
            });

    [Fact]
    public void Structs_have_the_sizes_of_the_headers() =>
        Ask([("statx", "sizeof(struct statx)"), ("statvfs", "sizeof(struct statvfs)"),
            ("statvfs_size", "offsetof(struct statvfs, f_frsize)"), ("statvfs_available", "offsetof(struct statvfs, f_bavail)"), ("flock", "sizeof(struct flock)"),
            ("open_how", "sizeof(struct open_how)"), ("mount_attr", "sizeof(struct mount_attr)"), ("blkpg", "sizeof(struct blkpg_ioctl_arg)"),
            ("blkpg_partition", "sizeof(struct blkpg_partition)"), ("loop_config", "sizeof(struct loop_config)"),
            ("loop_info", "sizeof(struct loop_info64)"), ("loop_inode", "offsetof(struct loop_info64, lo_inode)"),
            ("loop_rdevice", "offsetof(struct loop_info64, lo_rdevice)"),
            ("loop_flags", "offsetof(struct loop_config, info.lo_flags)"), ("loop_name", "offsetof(struct loop_config, info.lo_file_name)"),
            ("verity", "sizeof(struct fsverity_enable_arg)"), ("statx_mode", "offsetof(struct statx, stx_mode)"),
            ("statx_mtime", "offsetof(struct statx, stx_mtime)"), ("statx_mnt", "offsetof(struct statx, stx_mnt_id)"),
            ("statvfs_frsize", "offsetof(struct statvfs, f_frsize)"), ("statvfs_bavail", "offsetof(struct statvfs, f_bavail)")])
            .Should().BeEquivalentTo(new Dictionary<string, long>
            {
                ["statx"] = Unsafe.SizeOf<StatX>(),
                ["statvfs"] = Unsafe.SizeOf<StatVfs>(),
                ["statvfs_size"] = Offset(new StatVfs(), (ref StatVfs s) => ref Unsafe.As<ulong, byte>(ref s.FragmentSize)),
                ["statvfs_available"] = Offset(new StatVfs(), (ref StatVfs s) => ref Unsafe.As<ulong, byte>(ref s.AvailableBlocks)),
                ["flock"] = Unsafe.SizeOf<FLockRange>(),
                ["open_how"] = Unsafe.SizeOf<OpenHow>(),
                ["mount_attr"] = Unsafe.SizeOf<MountAttr>(),
                ["blkpg"] = Unsafe.SizeOf<BlkpgArgument>(),
                ["blkpg_partition"] = Unsafe.SizeOf<BlkpgPartition>(),
                ["loop_config"] = Unsafe.SizeOf<LoopConfig>(),
                ["loop_info"] = Unsafe.SizeOf<LoopInfo>(),
                ["loop_inode"] = Offset(new LoopInfo(), (ref LoopInfo s) => ref Unsafe.As<ulong, byte>(ref s.Inode)),
                ["loop_rdevice"] = Offset(new LoopInfo(), (ref LoopInfo s) => ref Unsafe.As<ulong, byte>(ref s.Rdevice)),
                ["loop_flags"] = Offset(new LoopConfig(), (ref LoopConfig s) => ref Unsafe.As<uint, byte>(ref s.Flags)),
                ["loop_name"] = Offset(new LoopConfig(), (ref LoopConfig s) => ref Unsafe.As<LoopFileName, byte>(ref s.FileName)),
                ["verity"] = Unsafe.SizeOf<VerityEnableArgument>(),
                ["statx_mode"] = Offset(new StatX(), (ref StatX s) => ref Unsafe.As<ushort, byte>(ref s.Mode)),
                ["statx_mtime"] = Offset(new StatX(), (ref StatX s) => ref Unsafe.As<StatXTimestamp, byte>(ref s.ModifyTime)),
                ["statx_mnt"] = Offset(new StatX(), (ref StatX s) => ref Unsafe.As<ulong, byte>(ref s.MountId)),
                ["statvfs_frsize"] = Offset(new StatVfs(), (ref StatVfs s) => ref Unsafe.As<ulong, byte>(ref s.FragmentSize)),
                ["statvfs_bavail"] = Offset(new StatVfs(), (ref StatVfs s) => ref Unsafe.As<ulong, byte>(ref s.AvailableBlocks)),
            });

    private delegate ref byte Field<T>(ref T value);

    private static long Offset<T>(T value, Field<T> field)
        where T : struct =>
        Unsafe.ByteOffset(ref Unsafe.As<T, byte>(ref value), ref field(ref value));

    private static Dictionary<string, long> Ask(IEnumerable<(string Name, string Expression)> questions)
    {
        StringBuilder source = new(Includes);
        source.Append("\nint main(void) {\n");
        foreach ((string name, string expression) in questions)
        {
            source.Append(CultureInfo.InvariantCulture, $"  printf(\"{name} %lld\\n\", (long long)({expression}));\n");
        }

        source.Append("}\n");
        string directory = Directory.CreateTempSubdirectory("headers").FullName;
        try
        {
            string program = Path.Combine(directory, "ask");
            File.WriteAllText($"{program}.c", source.ToString());
            Run("gcc", "-o", program, $"{program}.c");
            return Run(program).Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Split(' '))
                .ToDictionary(parts => parts[0], parts => long.Parse(parts[1], CultureInfo.InvariantCulture));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>The compiler for arm64 has to agree; nothing that it makes is run.</summary>
    private static void AssertOnArm64(IEnumerable<(string Expression, long Value)> expected)
    {
        StringBuilder source = new(Includes);
        source.Append("\n#include <assert.h>\n");
        foreach ((string expression, long value) in expected)
        {
            source.Append(CultureInfo.InvariantCulture, $"static_assert((long long)({expression}) == {value}LL, \"{expression}\");\n");
        }

        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, source.ToString());
            Run("aarch64-linux-gnu-gcc", "-fsyntax-only", "-x", "c", file);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = process.StandardOutput.ReadToEnd();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        process.ExitCode.Should().Be(0, error);
        return output;
    }
}
