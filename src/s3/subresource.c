/* Configurations that a bucket may have in S3 and none has here: what is asked for is answered as for a bucket on which
 * nobody has set anything. Setting one is not served (route.c). */
#include "core/xml.h"
#include "s3/s3.h"

static const struct {
    const char *operation;
    const char *body;          /* NULL: */
    const char *code, *message; /* of a 404 */
} answers[] = {
    {"GetBucketAccelerateConfiguration", "<AccelerateConfiguration" S3_XMLNS "/>", NULL, NULL},
    {"GetBucketCors", NULL, "NoSuchCORSConfiguration", "The CORS configuration does not exist"},
    {"GetBucketEncryption", NULL, "ServerSideEncryptionConfigurationNotFoundError",
     "The server side encryption configuration was not found"},
    {"GetBucketLifecycleConfiguration", NULL, "NoSuchLifecycleConfiguration",
     "The lifecycle configuration does not exist"},
    {"GetBucketLogging", "<BucketLoggingStatus" S3_XMLNS "/>", NULL, NULL},
    {"GetBucketNotificationConfiguration", "<NotificationConfiguration" S3_XMLNS "/>", NULL, NULL},
    {"GetObjectLockConfiguration", NULL, "ObjectLockConfigurationNotFoundError",
     "Object Lock configuration does not exist for this bucket"},
    {"GetBucketOwnershipControls",
     "<OwnershipControls" S3_XMLNS "><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>"
     "</OwnershipControls>",
     NULL, NULL},
    {"GetBucketPolicy", NULL, "NoSuchBucketPolicy", "The bucket policy does not exist"},
    {"GetBucketPolicyStatus", "<PolicyStatus" S3_XMLNS "><IsPublic>false</IsPublic></PolicyStatus>", NULL, NULL},
    {"GetBucketReplication", NULL, "ReplicationConfigurationNotFoundError",
     "The replication configuration was not found"},
    {"GetBucketRequestPayment",
     "<RequestPaymentConfiguration" S3_XMLNS "><Payer>BucketOwner</Payer></RequestPaymentConfiguration>", NULL, NULL},
    {"GetBucketTagging", NULL, "NoSuchTagSet", "The TagSet does not exist"},
    {"GetBucketVersioning", "<VersioningConfiguration" S3_XMLNS "/>", NULL, NULL},
    {"GetBucketWebsite", NULL, "NoSuchWebsiteConfiguration",
     "The specified bucket does not have a website configuration"},
    {"GetPublicAccessBlock",
     "<PublicAccessBlockConfiguration" S3_XMLNS "><BlockPublicAcls>true</BlockPublicAcls>"
     "<IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>"
     "<RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>",
     NULL, NULL},
};

void s3_get_subresource(struct s3 *s3)
{
    struct error error;
    enum objects_problem problem = objects_bucket_head(s3->objects, s3->tenant, s3->bucket, NULL, &error);
    if (problem != OBJECTS_OK) {
        s3_fail_problem(s3, problem, &error);
        return;
    }
    if (s3_is_encrypted(s3) && !strcmp(s3->what->name, "GetBucketEncryption")) {
        buf_append_text(&s3->body, XML_HEAD
                        "<ServerSideEncryptionConfiguration" S3_XMLNS "><Rule><ApplyServerSideEncryptionByDefault>"
                        "<SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>"
                        "<BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>");
        return;
    }
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (strcmp(answers[i].operation, s3->what->name) != 0)
            continue;
        if (answers[i].body)
            buf_appendf(&s3->body, XML_HEAD "%s", answers[i].body);
        else
            s3_fail(s3, 404, answers[i].code, "%s", answers[i].message);
    }
}
