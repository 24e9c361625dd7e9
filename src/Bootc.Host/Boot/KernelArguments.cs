using System.Text;
using Bootc.Composefs;
using Bootc.Linux;

namespace Bootc.Host.Boot;

/// <summary>The kernel arguments of an install, by who asked for them.</summary>
/// <param name="Base">What finds and mounts the file systems, such as <c>root=</c>.</param>
/// <param name="Configured">Those of the install configuration.</param>
/// <param name="Deleted">What to leave out of those and of the image's: <c>KEY=VALUE</c> one argument, <c>KEY</c> all of that key.</param>
/// <param name="Added">Those of the command line of bootc, which nothing removes.</param>
public sealed record KernelArguments(KernelCommandLine Base, KernelCommandLine Configured, KernelCommandLine Deleted, KernelCommandLine Added)
{
    /// <summary>COMMAND_LINE_SIZE of x86 and arm64 without the byte that ends it: the kernel cuts off what is longer.</summary>
    private const int LengthLimit = 2047;

    /// <summary>Keys that say which deployment is booted.</summary>
    private static readonly string[] OwnKeys = ["composefs", "composefs.digest"];

    /// <summary>
    /// The command line of a deployment. What is nearer to the user comes later, since the last of two contradicting arguments
    /// usually wins; the deployment itself comes at the very end, and nothing removes it.
    /// </summary>
    /// <param name="ofImage">What the image's <c>kargs.d</c> asks for; those that are there already are not added again.</param>
    /// <param name="image">The deployment.</param>
    public KernelCommandLine For(KernelCommandLine ofImage, BootImageArgument image)
    {
        KernelCommandLine kept = Deleted.Arguments.Aggregate(Base.Append(Configured).AppendMissing(ofImage), (line, deleted) => line.Without(deleted));
        return Complete(kept.Append(Added), image);
    }

    /// <summary>
    /// The command line of an update: that of the booted deployment with the difference between what the two images ask for. What the
    /// machine's owner added stays, and what the image asks for as before but he removed stays away.
    /// </summary>
    /// <param name="current">The command line of the booted deployment.</param>
    /// <param name="before">What its image asks for.</param>
    /// <param name="after">What the new image asks for.</param>
    /// <param name="image">The new deployment.</param>
    public static KernelCommandLine ForUpdate(KernelCommandLine current, KernelCommandLine before, KernelCommandLine after, BootImageArgument image) =>
        Complete(BootImageArgument.Remove(current).Except(before.Except(after)).AppendMissing(after.Except(before)), image);

    private static KernelCommandLine Complete(KernelCommandLine arguments, BootImageArgument image)
    {
        KernelCommandLine all = arguments.Append(KernelCommandLine.Parse(image.ToString()));
        int length = Encoding.UTF8.GetByteCount(all.ToString());
        int kept = TrialArguments.All.ToString().Length + 1;
        return length + kept <= LengthLimit
            ? all
            : throw new BootcException(
                $"the kernel command line has {length} bytes, more than the {LengthLimit} that the kernel reads less {kept} for the trial of an update; ask for fewer kernel arguments");
    }

    /// <summary>Splits texts of one or more arguments each; what would not arrive at the kernel as it stands is refused.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="origin">Where they are from, for messages, such as <c>--karg</c>.</param>
    public static KernelCommandLine Split(IEnumerable<string> texts, string origin)
    {
        KernelCommandLine all = KernelCommandLine.Empty;
        foreach (string text in texts)
        {
            if (text.Any(char.IsControl))
            {
                throw new BootcException($"{origin}: a kernel argument has a control character in it");
            }

            if (text.Count(c => c == '"') % 2 != 0)
            {
                throw new BootcException($"{origin}: the kernel argument {text} has an opening quote without a closing one");
            }

            all = all.Append(KernelCommandLine.Parse(text));
        }

        return OwnKeys.FirstOrDefault(all.Has) is { } own
            ? throw new BootcException($"{origin}: the kernel argument {own} says which deployment is booted; bootc sets it by itself")
            : all;
    }
}
