using System.Text;
using Bootc.Linux;
using Tomlyn;
using Tomlyn.Parsing;

namespace Bootc.Initramfs;

/// <summary>Where changes below a directory of the root go.</summary>
internal enum StateMount
{
    /// <summary>Nowhere: the image's own directory is seen.</summary>
    None,

    /// <summary>Into the deployment's copy of the directory.</summary>
    Bind,

    /// <summary>Into an overlay kept in the deployment.</summary>
    Overlay,

    /// <summary>Into an overlay in memory, gone with the next boot.</summary>
    Transient,
}

/// <summary>What <c>/usr/lib/composefs/setup-root-conf.toml</c> says.</summary>
/// <param name="TransientRoot">Whether the whole root takes changes, in memory.</param>
/// <param name="Etc">What becomes of <c>/etc</c>.</param>
/// <param name="Var">What becomes of <c>/var</c>.</param>
internal sealed record RootSetupConfig(bool TransientRoot = false, StateMount Etc = StateMount.Bind, StateMount Var = StateMount.Bind)
{
    public const string DefaultPath = "/usr/lib/composefs/setup-root-conf.toml";

    private const int SizeLimit = 64 << 10;

    /// <summary>Reads the file, or takes the defaults where there is none.</summary>
    public static RootSetupConfig Read(string path, KernelCommandLine commandLine)
    {
        using Fd? file = Fd.TryOpenRead(path);
        if (file is null)
        {
            return Parse("", commandLine);
        }

        byte[] content = new byte[SizeLimit];
        int length = file.Read(content);
        if (length == SizeLimit)
        {
            throw new InvalidDataException($"{path} has more than the {SizeLimit} bytes it may have");
        }

        try
        {
            return Parse(Encoding.UTF8.GetString(content, 0, length), commandLine);
        }
        catch (FormatException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    /// <summary>Reads the text; what it does not know it ignores, what it cannot read is a <see cref="FormatException"/>.</summary>
    public static RootSetupConfig Parse(string toml, KernelCommandLine commandLine)
    {
        Dictionary<string, object> values = Scalars(toml);
        // systemd then puts a tmpfs of its own on /var, or an overlay on everything.
        bool systemdOwnsVar = commandLine.Values("systemd.volatile").LastOrDefault() is "state" or "overlay";
        return new(
            TransientRoot: Flag(values, "root.transient"),
            Etc: Mount(values, "etc") ?? StateMount.Bind,
            Var: Mount(values, "var") ?? (systemdOwnsVar ? StateMount.None : StateMount.Bind));
    }

    private static StateMount? Mount(Dictionary<string, object> values, string table)
    {
        bool transient = Flag(values, $"{table}.transient");
        return values.GetValueOrDefault($"{table}.mount") switch
        {
            null when values.ContainsKey($"{table}.transient") => transient ? StateMount.Transient : StateMount.Bind,
            null => null,
            "none" or "root" => StateMount.None,
            "bind" => StateMount.Bind,
            "overlay" => StateMount.Overlay,
            "transient" or "volatile" => StateMount.Transient,
            object other => throw new FormatException($"{table}.mount is {other}; wanted none, bind, overlay or transient"),
        };
    }

    private static bool Flag(Dictionary<string, object> values, string key) => values.GetValueOrDefault(key) switch
    {
        null => false,
        bool flag => flag,
        object other => throw new FormatException($"{key} is {other}; wanted true or false"),
    };

    // Tomlyn's parser without its serializer, which would be most of this program.
    private static Dictionary<string, object> Scalars(string toml)
    {
        Dictionary<string, object> values = [];
        Stack<string> path = new();
        string name = "";
        try
        {
            TomlParser parser = TomlParser.Create(toml);
            while (parser.MoveNext())
            {
                switch (parser.Current.Kind)
                {
                    case TomlParseEventKind.PropertyName:
                        name = parser.GetPropertyName();
                        break;
                    case TomlParseEventKind.StartTable or TomlParseEventKind.StartArray:
                        path.Push(name);
                        break;
                    case TomlParseEventKind.EndTable or TomlParseEventKind.EndArray:
                        path.Pop();
                        break;
                    case TomlParseEventKind.Boolean when path.Count == 2:
                        values[$"{path.Peek()}.{name}"] = parser.Current.GetBoolean();
                        break;
                    case TomlParseEventKind.String when path.Count == 2:
                        values[$"{path.Peek()}.{name}"] = parser.GetString();
                        break;
                    case TomlParseEventKind.Integer or TomlParseEventKind.Float or TomlParseEventKind.DateTime when path.Count == 2:
                        // Of no key that is known here; it only has to be named if it stands where something else belongs.
                        values[$"{path.Peek()}.{name}"] = parser.Current.Kind;
                        break;
                }
            }
        }
        catch (TomlException e)
        {
            throw new FormatException(e.Message.Split('\n')[0], e); // all that follows from it are further lines
        }
        catch (ArgumentOutOfRangeException e)
        {
            // Tomlyn 2.10 lets it pass where the text ends within an escape.
            throw new FormatException("a string holds an escape that is no character", e);
        }

        return values;
    }
}
