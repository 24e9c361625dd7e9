namespace Bootc.Oci.Registry;

/// <summary>Reads an answer that is meant to be small, whatever it says of its own length.</summary>
internal static class BoundedContent
{
    /// <summary>The whole body; a longer one than allowed is an <see cref="InvalidDataException"/>, a slow one an <see cref="IOException"/>.</summary>
    public static async Task<byte[]> ReadAsync(HttpResponseMessage response, int limit, string what, RegistryPatience patience, CancellationToken cancellationToken)
    {
        if (response.Content.Headers.ContentLength > limit)
        {
            throw new InvalidDataException($"{what} has {response.Content.Headers.ContentLength} bytes, more than the {limit} allowed");
        }

        using CancellationTokenSource time = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        time.CancelAfter(patience.Answer);
        try
        {
            using Stream content = await response.Content.ReadAsStreamAsync(time.Token);
            using MemoryStream body = new();
            byte[] buffer = new byte[16 << 10];
            while (await content.ReadAsync(buffer, time.Token) is > 0 and int read)
            {
                body.Write(buffer, 0, read);
                if (body.Length > limit)
                {
                    throw new InvalidDataException($"{what} has more than the {limit} bytes allowed");
                }
            }

            return body.ToArray();
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IOException($"{what} did not arrive within {patience.Answer.TotalSeconds:0} seconds");
        }
    }
}
