using Bootc.Oci;
using Bootc.Oci.Tests.Registry;
using Microsoft.AspNetCore.Http;

namespace Bootc.Tests.Hostile;

/// <summary>A registry that lies about how much it sends, whatever its documents say.</summary>
public sealed class ForgedTransferTests(ForgedPlace place) : IClassFixture<ForgedPlace>
{
    [Theory]
    [InlineData("index", "without end", "*the manifest of * has more than the 4194304 bytes allowed")]
    [InlineData("index", "stated too long", "*the manifest of * has 5368709120 bytes, more than the 4194304 allowed")]
    [InlineData("manifest", "without end", "*the manifest of * has more than the 4194304 bytes allowed")]
    [InlineData("manifest", "cut", "*the image's manifest is malformed at *|*asked for")]
    [InlineData("config", "without end", "*blob sha256:* is longer than the * bytes its descriptor states")]
    [InlineData("config", "stated too long", "*blob sha256:* has 5368709120 bytes at *; its descriptor states *")]
    [InlineData("config", "cut", "*blob sha256:* bytes at *; its descriptor states *")]
    [InlineData("plain layer", "without end", "*Importing layer 1 of 2: blob sha256:* is longer than the * bytes its descriptor states")]
    [InlineData("plain layer", "stated too long", "*Importing layer 1 of 2: *: blob sha256:* has 5368709120 bytes at *; its descriptor states *")]
    [InlineData("plain layer", "cut", "*Importing layer 1 of 2: *: blob sha256:* bytes at *; its descriptor states *")]
    [InlineData("chunked layer", "another part", "*Importing layer 2 of 2: * was asked for blob sha256:* from byte * and gave another part of it")]
    public async Task A_size_that_is_a_lie_is_found_out(string document, string lie, string message)
    {
        ForgedImage.Good.Publish(place.Registry);
        string path = PathOf(document);
        place.Registry.Before = async context =>
        {
            bool isForged = context.Request.Path.Value!.EndsWith(path, StringComparison.Ordinal);
            if (isForged)
            {
                await LieAsync(context, lie);
            }

            return isForged;
        };
        try
        {
            string? line = await place.JudgeAsync(place.PullAsync);
            message.Split('|').Should().Contain(pattern => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(pattern, line, false), "of {0}", line);
        }
        finally
        {
            place.Registry.Before = _ => Task.FromResult(false);
        }
    }

    private static string PathOf(string document)
    {
        string manifest = ForgedImage.Good.TextOf(ForgedDocument.Manifest);
        return document switch
        {
            "index" => $"manifests/{LoopbackRegistry.Tag}",
            "manifest" => Forgery.Get(ForgedImage.Good.TextOf(ForgedDocument.Index), "manifests/0/digest").GetValue<string>(),
            "config" => Forgery.Get(manifest, "config/digest").GetValue<string>(),
            "plain layer" => Forgery.Get(manifest, "layers/0/digest").GetValue<string>(),
            _ => Forgery.Get(manifest, "layers/1/digest").GetValue<string>(),
        };
    }

    private static async Task LieAsync(HttpContext context, string lie)
    {
        byte[] some = new byte[64 << 10];
        HttpResponse response = context.Response;
        response.ContentType = context.Request.Path.Value!.Contains("manifests", StringComparison.Ordinal) ? MediaTypes.Manifest : "application/octet-stream";
        switch (lie)
        {
            case "cut":
                response.ContentLength = 10;
                await response.Body.WriteAsync(some.AsMemory(0, 10));
                break;
            case "another part":
                response.StatusCode = StatusCodes.Status206PartialContent;
                response.Headers.ContentRange = "bytes 5-14/100";
                response.ContentLength = 10;
                await response.Body.WriteAsync(some.AsMemory(0, 10));
                break;
            case "stated too long":
                response.ContentLength = 5L << 30;
                await WriteWithoutEndAsync(context, some);
                break;
            default:
                await WriteWithoutEndAsync(context, some);
                break;
        }
    }

    private static async Task WriteWithoutEndAsync(HttpContext context, byte[] some)
    {
        try
        {
            while (!context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.Body.WriteAsync(some, context.RequestAborted);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The client has enough.
        }
    }
}
