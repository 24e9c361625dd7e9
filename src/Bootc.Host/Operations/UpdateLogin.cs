using Bootc.Oci;
using Bootc.Oci.Registry;

namespace Bootc.Host.Operations;

/// <summary>Tells whether an installed system can log in where its updates will be.</summary>
public static class UpdateLogin
{
    /// <summary>What the user should know; null where the system has a login, or where nobody has one, since none may be needed.</summary>
    /// <param name="target">The update source.</param>
    /// <param name="ofInstaller">Auth files of the installer that the installed system will not have, by path.</param>
    /// <param name="ofImage">The auth file of the installed system.</param>
    public static string? Warn(ImageReference target, IEnumerable<(string Path, AuthFile Logins)> ofInstaller, AuthFile ofImage)
    {
        if (target.Transport != ImageTransport.Registry || !ImageName.TryParse(target.Name, out ImageName? name) || name.Domain is null)
        {
            return null;
        }

        RegistryEndpoint endpoint = new(name.Domain, name.Path);
        string? path = ofImage.Knows(endpoint) ? null : ofInstaller.FirstOrDefault(file => file.Logins.Knows(endpoint)).Path;
        return path is null
            ? null
            : $"the login for {endpoint} is only in {path} of the installer, so the installed system cannot fetch updates; "
                + "put it into /etc/ostree/auth.json there, or into the image";
    }
}
